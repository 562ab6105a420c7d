"""A cluster of one machine: enough of Kubernetes to run what the chart renders, as it is rendered.

Pods are network namespaces, containers are processes with a root file system, mounts, user, environment
and probes of their own, Services are DNAT rules as kube-proxy makes them, NetworkPolicies are nftables
rules. Nothing of it outlives the process, which lives in a network and mount namespace itself.
"""
