"""Tags that a user teaches a camera by examples: "gate open"."""
