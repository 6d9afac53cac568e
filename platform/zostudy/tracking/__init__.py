"""Sends ended trials to the tools that people look at experiments with: MLflow, TensorBoard, Weights & Biases."""
