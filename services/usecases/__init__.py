"""What clients may ask for, one module per subject, without a word of gRPC."""
