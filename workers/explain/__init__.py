"""Why a model gives a label: heatmaps."""
