"""Classifiers of crops by transfer learning: data, framing, two phases of training, export."""
