"""The gRPC server: decodes requests, calls use cases, encodes answers."""
