# Terraform reads the keys once, when it starts. Before a long apply, see to it that they outlive it:
#
#   mfa-profiles refresh smce-veda --min-remaining 3h && terraform apply
#
# A profile that is named here outranks the environment. To choose the account from outside, leave both `profile` lines
# out and run:
#
#   mfa-profiles exec smce-veda -- terraform plan

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }

  # The backend is not configured by the provider below: without a profile of its own it takes the default account's.
  backend "s3" {
    bucket  = "smce-veda-terraform-state"
    key     = "disasters/terraform.tfstate"
    region  = "us-west-2"
    profile = "smce-veda-mfa"
  }
}

provider "aws" {
  profile = "smce-veda-mfa"
  region  = "us-west-2"
}
