"""The operations of DATA_TRANSFORMATION: each is a model of its parameters that can be applied to items."""
