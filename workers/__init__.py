"""What happens to a frame: batching, engines, tracking, results, the bus."""

import sys

# `import openvino` reports itself to Google Analytics otherwise; without the module OpenVINO falls back to a stub.
# Here, because this runs before any module that imports openvino.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
