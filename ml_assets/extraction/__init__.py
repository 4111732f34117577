"""Information extraction: declared fields drawn from texts, each value with its place in them."""
