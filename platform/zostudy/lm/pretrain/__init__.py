"""Makes the embedded models: their text, their tokenizer, the training loop and the white-box check."""
