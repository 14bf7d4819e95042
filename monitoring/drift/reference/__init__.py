"""What windows of samples are compared with: the distributions of the camera itself, or of the model card."""
