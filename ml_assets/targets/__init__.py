"""What models predict: classes, quantities, changes; how each is measured and compared."""
