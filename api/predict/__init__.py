"""Inference on uploaded images: decoding, bounded concurrency, explanations."""
