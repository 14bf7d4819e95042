"""Commands about what is stored; livesight.py mounts them."""
