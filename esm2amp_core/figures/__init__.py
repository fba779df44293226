"""Results to Plotly figures: first compute a small table of numbers, then draw it. No Streamlit here."""
