"""Sources as declarations: where bytes come from, how they are read, which table they fill."""
