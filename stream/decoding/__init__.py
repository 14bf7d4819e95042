"""From packets to frames: decoders, presentation times, parameter sets, and decoding less when CPU is short."""
