"""Where frames come from: cameras that are pulled, files, images, pushed frames, the demo camera."""
