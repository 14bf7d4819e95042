"""How well the face model tells people apart: on a folder of photos, and on worse copies of them."""
