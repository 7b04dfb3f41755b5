// Prints the ARN of whoever the AWS SDK for JavaScript takes the user for, with nothing but its defaults.

import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const { Arn } = await new STSClient().send(new GetCallerIdentityCommand());
console.log(Arn);
