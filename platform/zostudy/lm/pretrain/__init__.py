"""How the embedded models are made: their text, their tokenizer, the training loop and the white-box check."""
