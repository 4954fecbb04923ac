"""What is served is what the OpenAPI document says, and nothing else."""
