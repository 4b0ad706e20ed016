"""Every read of Vultr's client for Python, which checks each response against the schemas of 2023: makes one thing of each kind,
and tells as JSON how many reads there are, and which failed. Arguments: the base URL and the key."""

import importlib
import inspect
import json
import pkgutil
import sys

import requests
import story
from vultr_python_client import ApiClient, ApiException, Configuration
from vultr_python_client.apis import tags
from vultr_python_client.exceptions import ApiTypeError, ApiValueError

url, key = sys.argv[1:]
configuration = Configuration(host=url + "/v2")
configuration.access_token = key
client = ApiClient(configuration)


def call(method, path, body=None):
    reply = requests.request(method, url + "/v2" + path, json=body, headers={"Authorization": "Bearer " + key})
    reply.raise_for_status()
    return reply.json() if reply.text else {}


def first(path, member):
    return str(call("GET", path)[member][0]["id"])


def make(path, member, **order):
    return str(call("POST", path, order)[member]["id"])


def make_machines():
    machine = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2136, "label": "reads"}
    instance = make("/instances", "instance", **machine, backups="enabled", enable_ipv6=True)
    story.until(lambda: call("GET", "/instances/" + instance)["instance"]["status"] == "active")
    story.until(lambda: call("GET", "/instances/" + instance)["instance"]["server_status"] != "locked")
    pool = {"node_quantity": 1, "label": "reads", "plan": "vc2-2c-4gb"}
    version = call("GET", "/kubernetes/versions")["versions"][0]
    order = {"region": "ewr", "label": "reads", "version": version, "node_pools": [pool]}
    cluster = make("/kubernetes/clusters", "vke_cluster", **order)
    return {
        "instance-id": instance,
        "baremetal-id": make("/bare-metals", "bare_metal", **{**machine, "plan": "vbm-4c-32gb"}),
        "snapshot-id": make("/snapshots", "snapshot", instance_id=instance, description="reads"),
        "vke-id": cluster,
        "nodepool-id": first("/kubernetes/clusters/%s/node-pools" % cluster, "node_pools"),
        "backup-id": first("/backups", "backups"),
    }


def make_networks():
    call("POST", "/domains", {"domain": "reads.example", "ip": "192.0.2.7"})
    forwarding = {"frontend_protocol": "http", "frontend_port": 80, "backend_protocol": "http", "backend_port": 80}
    firewall = {"port": 80, "source": "0.0.0.0/0", "ip_type": "v4"}
    rules = {"forwarding_rules": [forwarding], "firewall_rules": [firewall]}
    balancer = make("/load-balancers", "load_balancer", region="ewr", label="reads", **rules)
    group = make("/firewalls", "firewall_group", description="reads")
    rule = {"ip_type": "v4", "protocol": "tcp", "port": "80", "subnet": "0.0.0.0", "subnet_size": 0}
    return {
        "dns-domain": "reads.example",
        "record-id": first("/domains/reads.example/records", "records"),
        "firewall-group-id": group,
        "firewall-rule-id": make("/firewalls/%s/rules" % group, "firewall_rule", **rule),
        "load-balancer-id": balancer,
        "loadbalancer-id": balancer,
        "forwarding-rule-id": first("/load-balancers/%s/forwarding-rules" % balancer, "forwarding_rules"),
        "reserved-ip": make("/reserved-ips", "reserved_ip", region="ewr", ip_type="v4", label="reads"),
        "vpc-id": make("/vpcs", "vpc", region="ewr", description="reads"),
        "network-id": make("/private-networks", "network", region="ewr", description="reads"),
    }


def make_others():
    cluster = int(first("/object-storage/clusters", "clusters"))
    user = {"name": "Reads", "email": "reads@example.com", "password": "Correct-Horse-9"}
    return {
        "block-id": make("/blocks", "block", region="ewr", size_gb=10, label="reads"),
        "iso-id": make("/iso", "iso", url="https://example.com/reads.iso"),
        "object-storage-id": make("/object-storage", "object_storage", cluster_id=cluster, tier_id=1, label="reads"),
        "ssh-key-id": make("/ssh-keys", "ssh_key", name="reads", ssh_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA reads"),
        "startup-id": make("/startup-scripts", "startup_script", name="reads", script="IyEvYmluL3NoCg==", type="boot"),
        "user-id": make("/users", "user", **user),
        "invoice-id": first("/billing/invoices", "billing_invoices"),
        "region-id": "ewr",
    }


def reads():
    """Every method that is a GET, with the names of its path parameters."""
    for module in pkgutil.iter_modules(tags.__path__, tags.__name__ + "."):
        for _, group in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if group.__module__ != module.name:
                continue
            for base in group.__mro__:
                names = [each for each in vars(base) if not each.startswith("_")]
                if base.__module__.endswith(".get") and names:
                    source, [method] = sys.modules[base.__module__], names
                    parameters = getattr(source, "RequestRequiredPathParams", None)
                    yield method, getattr(group(client), method), parameters.__annotations__ if parameters else ()


known = {**make_machines(), **make_networks(), **make_others()}
# Their rules are of two kinds, and the client has one name for both.
rules = "/load-balancers/%s/firewall-rules" % known["loadbalancer-id"]
of_balancer = {**known, "firewall-rule-id": first(rules, "firewall_rules")}
read, failed = set(), {}
for name, method, parameters in reads():
    values = of_balancer if "loadbalancer-id" in parameters else known
    try:
        method(**({"path_params": {each: values[each] for each in parameters}} if parameters else {}))
        read.add(name)
    except ApiException as error:
        failed[name] = error.status
    except (ApiTypeError, ApiValueError) as error:
        failed[name] = str(error).split(" at ")[0]
print(json.dumps({"read": len(read), "failed": failed}))
