"""Text and file formats that items are read from and written to."""
