"""llm-d's EndpointPickerConfig: written from a champion's policies, and checked against its published schema.

Field names, plugin types, parameters and defaults are those of llm-d-router 0.9 (`apix/config/v1alpha1`, and each
plugin's own configuration). What such a file means here is read by `blis.policies.endpoint_picker`.
"""
