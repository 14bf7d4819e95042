"""What is computed from pixels: crops, image figures, JPEGs, blur, the best shot of each track."""
