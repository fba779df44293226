"""The network of a screen's hits in GraphML (Brandes *et al.* 2002), which Cytoscape and Gephi read."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pandas as pd

NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TYPES = {"i": "long", "f": "double"}


def graphml(nodes: pd.DataFrame, edges: pd.DataFrame) -> bytes:
    """A graph without directions.

    Parameters
    ----------
    nodes : DataFrame
        A column ``protein``, all different; the others become attributes.
    edges : DataFrame
        Columns ``protein_a``, ``protein_b``; the others become attributes. Missing values are left out.
    """
    root = ElementTree.Element("graphml", xmlns=NAMESPACE)
    node_keys = _declare(root, "node", nodes.rename(columns={"protein": "name"}))
    edge_keys = _declare(root, "edge", edges.drop(columns=["protein_a", "protein_b"]))
    graph = ElementTree.SubElement(root, "graph", id="hits", edgedefault="undirected")
    # Names may hold any character; ids may not.
    ids = {name: f"n{number}" for number, name in enumerate(nodes["protein"])}
    for values in nodes.rename(columns={"protein": "name"}).to_dict("records"):
        node = ElementTree.SubElement(graph, "node", id=ids[values["name"]])
        _describe(node, node_keys, values)
    for number, values in enumerate(edges.to_dict("records")):
        edge = ElementTree.SubElement(graph, "edge", id=f"e{number}", source=ids[values["protein_a"]],
                                      target=ids[values["protein_b"]])
        _describe(edge, edge_keys, values)
    ElementTree.indent(root, space=" ")
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _declare(root: ElementTree.Element, what: str, frame: pd.DataFrame) -> dict[str, str]:
    """Declare a table's columns; the key of each."""
    keys = {name: f"{what}_{name}" for name in frame.columns}
    for name, key in keys.items():
        kind = _TYPES.get(frame[name].dtype.kind, "string")
        ElementTree.SubElement(root, "key", {"id": key, "for": what, "attr.name": name, "attr.type": kind})
    return keys


def _describe(element: ElementTree.Element, keys: dict[str, str], values: dict) -> None:
    for name, key in keys.items():
        value = values[name]
        if not pd.isna(value):
            ElementTree.SubElement(element, "data", key=key).text = _NOT_XML.sub("\ufffd", str(value))
