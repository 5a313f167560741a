"""What starts workflows by itself: which version is active, and its triggers."""
