"""Questions in words: a closed grammar makes a plan, queries run it, and sentences say what they found."""
