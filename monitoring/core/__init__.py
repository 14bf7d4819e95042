"""What every part of monitoring may use: errors, and the contracts between parts."""
