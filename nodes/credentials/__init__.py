"""What nodes authenticate with: declared by the nodes, stored sealed, opened only while a node runs."""
