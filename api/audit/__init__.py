"""Who saw what, changed what, signed in or was refused: an append-only, hash-chained trail."""
