"""What happened to the tasks that people are asked, and the links by which outsiders reach them."""
