"""The operations of FILE_OPERATION: each is a model of its parameters that can be carried out."""
