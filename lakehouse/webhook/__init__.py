"""Events that others post: on the disk before the answer, landed in batches."""
