"""Tables, figures and reports, made from prediction rows."""
