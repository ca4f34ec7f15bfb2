"""Starts moto's server with stubs for the types of resources that moto's CloudFormation lacks: python3 moto_server.py PORT

A stub has an ID and attributes, and does nothing else. So a deployment checks what the CDK CLI and CloudFormation's own rules check: the
assets, the parameters, the references between resources, the order of creation and the outputs.
"""

import ipaddress
import sys

from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend
from moto.core.common_models import CloudFormationModel
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.route_tables import RouteTable
from moto.ec2.models.vpcs import VPC
from moto.server import main

STUBBED = set()
EGRESS_ONLY_GATEWAY = "AWS::EC2::EgressOnlyInternetGateway"


class Stub(CloudFormationModel):
    # moto derives the service from the second part of the module's name.
    __module__ = "moto.stubs.models"

    def __init__(self, name, account, region, resource_type):
        self.name = name
        self.account = account
        self.region = region
        self.resource_type = resource_type

    @property
    def physical_resource_id(self):
        return self.name

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "Stub::Stub::Stub"

    @classmethod
    def has_cfn_attr(cls, attr):
        return True

    def get_cfn_attribute(self, attribute_name):
        if attribute_name.endswith("Arn"):
            _, service, kind = self.resource_type.split("::")
            return f"arn:aws:{service.lower()}:{self.region}:{self.account}:{kind.lower()}/{self.name}"
        if attribute_name == "EndpointIds":
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-networkfirewall-firewall.html
            return [f"{self.region}{zone}:vpce-0123456789abcde{zone}" for zone in "abc"]
        return f"{self.name}-{attribute_name}"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        resource_type = cloudformation_json["Type"]
        if resource_type == EGRESS_ONLY_GATEWAY:
            # moto checks that the target of a route exists.
            backend = ec2_backends[account_id][region_name]
            resource_name = backend.create_egress_only_internet_gateway(cloudformation_json["Properties"]["VpcId"]).id
        return cls(resource_name, account_id, region_name, resource_type)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        if cloudformation_json["Type"] == EGRESS_ONLY_GATEWAY:
            ec2_backends[account_id][region_name].delete_egress_only_internet_gateway(resource_name)


original = parsing.resource_class_from_type


def with_stubs(resource_type):
    # moto would run the function of a custom resource in a container.
    if not resource_type.startswith("Custom::") and resource_type in parsing.get_model_map():
        return original(resource_type)
    if resource_type not in STUBBED:
        STUBBED.add(resource_type)
        print(f"stub: {resource_type}", flush=True)
    return Stub


parsing.resource_class_from_type = with_stubs

named = parsing.generate_resource_name


def generate_resource_name(resource_type, stack_name, logical_id):
    """CloudFormation's names of repositories are in lower case. moto's aren't, and moto refuses them."""
    name = named(resource_type, stack_name, logical_id)
    return name.lower() if resource_type == "AWS::ECR::Repository" else name


parsing.generate_resource_name = generate_resource_name

executed = CloudFormationBackend.execute_change_set


def execute_change_set(self, change_set_name, stack_name=None):
    """moto's stacks that a change set creates have no outputs, because they are computed before the template is known."""
    executed(self, change_set_name, stack_name)
    for stack in self.stacks.values():
        if stack.template:
            stack._parse_template()
            stack.output_map = stack._create_output_map()


CloudFormationBackend.execute_change_set = execute_change_set

attribute = ElasticAddress.get_cfn_attribute


def attribute_of_address(self, attribute_name):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eip.html"""
    return self.public_ip if attribute_name == "PublicIp" else attribute(self, attribute_name)


ElasticAddress.get_cfn_attribute = attribute_of_address

attribute_of = VPC.get_cfn_attribute


def attribute_of_vpc(self, attribute_name):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpc.html"""
    if attribute_name == "Ipv6CidrBlocks":
        return ["2001:db8:0:1200::/56"]
    return attribute_of(self, attribute_name)


VPC.get_cfn_attribute = attribute_of_vpc
cleaned = parsing.clean_json


def clean_json(resource_json, resources_map):
    """moto has no Fn::Cidr: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-cidr.html"""
    if not isinstance(resource_json, dict) or "Fn::Cidr" not in resource_json:
        return cleaned(resource_json, resources_map)
    block, count, bits = cleaned(resource_json["Fn::Cidr"], resources_map)
    network = ipaddress.ip_network(block)
    subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits))
    return [str(subnet) for subnet, _ in zip(subnets, range(int(count)))]


parsing.clean_json = clean_json


def delete_route_table(resource_name, cloudformation_json, account_id, region_name):
    """moto's CloudFormation never deletes a route table, so that no VPC could be deleted."""
    tables = ec2_backends[account_id][region_name].route_tables
    tables.pop(resource_name, None)


RouteTable.delete_from_cloudformation_json = staticmethod(delete_route_table)

if __name__ == "__main__":
    main(["-p", sys.argv[1]])
