"""Studies of a trained potential beyond errors and properties: options, groups left out, wires, query by committee."""
