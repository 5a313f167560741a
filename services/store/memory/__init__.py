"""What workflows remember: values, conversations, triples, vectors and documents, apart by workspace."""
