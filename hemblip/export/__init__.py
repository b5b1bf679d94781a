"""Runs for others to load: a Hugging Face folder with its model card, ONNX files."""
