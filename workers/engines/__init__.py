"""Inference engines (OpenVINO, PyTorch, visual words), their inputs, and the slots that hold them."""
