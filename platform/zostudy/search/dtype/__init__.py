"""The dtype of a study: float32, or bfloat16 where its rounding does not drown a method's loss differences."""
