"""How good a model is: figures, gates, error analysis, reports."""
