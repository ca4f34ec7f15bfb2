/**
 * AWS's exact messages for tasks that don't start, from its documentation and from public reports. None of these
 * messages is invented. Some messages end abruptly, because ECS cuts off long reasons on Fargate.
 *
 * Account numbers are replaced by 111122223333. Each message is followed by its source: owner/repository and the number of
 * the issue or pull request, or the page of the AWS documentation.
 */
import type { StartCause } from '../../../functions/launcher/core/start-cause-table.ts';
import type { Refusal } from '../../../functions/launcher/ports.ts';

type Sources = Readonly<Record<string, string>>;

/** Reasons of stopped tasks, or of their containers, that have the same cause and remedy. */
const stops = (cause: StartCause['cause'], remedy: RegExp, sources: Sources) =>
  Object.keys(sources).map((said) => ({ said, cause, remedy }));

/**
 * Answers of RunTask that have the same cause and remedy. An exception is written as its name and message, without "An error
 * occurred (…) when calling the RunTask operation: ". A failure is written as its reason, and its detail if it has one.
 */
const refusals = (cause: Refusal['cause'], remedy: RegExp, sources: Sources) =>
  Object.keys(sources).map((said) => {
    const [name = '', ...text] = said.split(': ');
    return { name, text: text.join(': '), cause, remedy };
  });

const DOCS = 'AWS documentation, Amazon ECS Developer Guide';
const PULL_DOCS = `${DOCS}, task_cannot_pull_image`;
const REASONS = `${DOCS}, api_failures_messages`;

export const STOP_MESSAGES = [
  // -- GuardDuty's sidecar
  ...stops('image', /network\.guardDuty/, {
    'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate:v1.0.1-Fg_x86_64: pulling from host 593207742271.dkr.ecr.us-east-1.amazonaws.com failed':
      "a comment in a public CDK app, with the account of AWS's own repository",
  }),
  // -- The image
  ...stops('storage', /ephemeralStorageGiB/, {
    'CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer sha256:20ba09231e05c5bd253427261d27d7f26e7588bfe682b586a2767f0419305236: hcsshim::ImportLayer - failed failed in Win32: There is not enough space on the disk. (0x70)...':
      'aws/containers-roadmap #1598',
    'CannotPullContainerError: failed to register layer: Error processing tar file(exit status 1): write /usr/local/cuda-10.1/targets/x86_64-linux/lib/libcusolverMg.so.10.2.0.243: no space left on device':
      'coiled/feedback #66',
    'CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob111111111: no space left on device': PULL_DOCS,
  }),
  ...stops('storage', /volumes/, {
    'CannotCreateVolumeError: unable to copy contents to volume on host: containerd: failed to get image reference: context deadline exceeded':
      'aws/containers-roadmap #1425',
    'ConnotCreateVolumeError: unable mirror /var/lib/two/volumes/4961892bc7e04f3183c56118290cb54a/volumes/vf-2902674043 to /var/lib/two/volumes/4961892bc7e04f3183c86118298cb540/volumes/v sns: failed to copy existing contents to task volume unable to copy contents from the image':
      'aws/containers-roadmap #2599, with its spelling',
    'CannotCreateVolumeError: unsupported: Dockerfile contains VOLUME instruction': 'jenkinsci/amazon-ecs-plugin #334',
  }),
  ...stops('image', /NAT gateway.*agentImage\.copy/, {
    'ERROR: toomanyrequests: Too Many Requests.': PULL_DOCS,
    'You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limits.':
      PULL_DOCS,
  }),
  ...stops('image', /agentImage\.copy/, {
    'failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/cypress/included/manifests/sha256:86e3bff9634b85a5239a65974ac3c98f51277a8e1519fbd57b5e528f55ab8bf7: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit':
      'apptension/saas-boilerplate #204',
    'CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: httpReaderSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/amazon/aws-xray-daemon/manifests/sha256:2d964e1dbe7a8c9f03f4e9580ff00220bc84ce0294539c6...':
      'aws/aws-xray-daemon #146',
    'CannotPullContainerError: inspect image has been retried 5 time(s): httpReaderSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/amazon/aws-for-fluent-bit/manifests/sha256:330a24bcd4e0058d70e70a0bb1ff805065161ffe3aa96296f09b555...':
      'aws/aws-for-fluent-bit #234',
  }),
  ...stops('dns', /registry-1\.docker\.io\. .*network\.allowedDomains/, {
    'CannotPullContainerError: failed to resolve ref "docker.io/docker/ecs-searchdomain-sidecar:1.0": failed to do request: Head https://registry-1.docker.io/v2/docker/ecs-searchdomain-sidecar/manifests/1.0: dial tcp: lookup registry-1.docker.io on 172.31.0...':
      'docker-archive/compose-cli #911',
  }),
  ...stops('dns', /XXXXXXXX\.dkr\.ecr\.us-east-1\.amazonaws\.com\. .*network\.allowedDomains/, {
    'Error response from daemon: Get https:/XXXXXXXX.dkr.ecr.us-east-1.amazonaws.com/v2/: dial tcp: lookup XXXXXXXX.dkr.ecr.us-east-1.amazonaws.com on 10.5.0.2:53: no such host':
      'docker/for-linux #371',
  }),
  ...stops('dns', /resolver did not answer for ecs\.eu-west-1\.amazonaws\.com/, {
    'RequestError: send request failed\ncaused by: Post https://ecs.eu-west-1.amazonaws.com/: dial tcp: lookup ecs.eu-west-1.amazonaws.com on 10.0.0.2:53: read udp 10.0.0.2:53: i/o timeout':
      'aws/amazon-ecs-agent #218',
  }),
  ...stops('image', /Amazon S3.*gateway endpoint/, {
    'CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: failed open: failed to do request: Get 111122223333.dkr.ecr.ap-northeast-1.amazonaws.com/ma-kuramochiku-ecs-helloworld:0.0.1: dial tcp 52.219.199.138:443: i/o timeout':
      'public notes on ECS in private subnets, GitHub',
    'CannotPullContainerError: The task cannot pull 111122223333.dkr.ecr.ap-southeast-1.amazonaws.com/notifyservice:latest from the registry 111122223333.dkr.ecr.ap-southeast-1.amazonaws.com/notifyservice:latest. There is a connection issue between the task and the registry. Check your task network configuration. : failed to copy: httpReadSeeker: failed open: failed to do request: Get 111122223333.dkr.ecr.ap-southeast-1.amazonaws.com/notifyservice:latest: dial tcp 52.219.41.3:443: i/o timeout':
      'public notes on endpoints for ECR, GitHub, 2025-11-12',
    'pull command failed: panic: runtime error: invalid memory address or nil pointer dereference': PULL_DOCS,
  }),
  ...stops('image', /separate host that serves the image’s layers/, {
    'failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://production.cloudflare.docker.com/registry-v2/docker/registry/v2/blobs/sha256/...": net/http: TLS handshake timeout':
      'public notes on pulls from Docker Hub, GitHub',
  }),
  ...stops('image', /architecture/, {
    'CannotPullContainerError: image Manifest does not contain descriptor matching platform':
      'public notes on ECS blue/green deployments, GitHub',
    "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'.":
      'aviswerdlow/relay #71',
    'CannotPullContainerError failed to find a descriptor for platform 0xc0004d52c0 0xc0004d5320':
      'hashicorp/consul-ecs #64',
    'no matching manifest for linux/amd64 in the manifest list entries':
      'hashicorp/consul-ecs #64, of a pull by Docker',
    'CannotPullContainerError: failed to find a descriptor for platform {linux/amd64}': 'aws/containers-roadmap #1120',
  }),
  ...stops('image', /no route to the registry/, {
    'CannotPullContainerError: API error (500): Get https://111122223333.dkr.ecr.us-east-1.amazonaws.com/v2/: net/http: request canceled while waiting for connection"':
      PULL_DOCS,
    'CannotPullContainerError: API error (500): Get https://registry-1.docker.io/v2/: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)':
      'aws/amazon-ecs-agent #1128',
    'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref "111122223333.dkr.ecr.us-east-1.amazonaws.com/api:v42": failed to do request: Head "https://111122223333.dkr.ecr.us-east-1.amazonaws.com/v2/api/manifests/v42": dial tcp 10.0.3.17:443: i/o timeout':
      'devopsaitoolkit.com, aws-error-cannot-pull-container-error-ecs',
    'Cannotpullcontainererror: pull image manifest has been retried 5 time(s): failed to resolve ref docker.io/username/repo: failed to do request: Head "https://registry-1.docker.io/v2/username/repo/manifests/latest": dial tcp 44.205.64.79:443: i/o timeout':
      'openillumi.com, CannotPullContainerError network fixes',
    'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref docker.io/prefecthq/prefect:2.13.5-python3.10: failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/token?scope=repository%3Aprefecthq%2Fprefect%3Apull&service=registry.docker.io": EOF':
      'PrefectHQ/prefect #11637',
  }),
  ...stops('image', /credentials/, {
    'CannotPullContainerError: inspect image has been retried 1 time(s): failed to resolve ref "artifactoryserver.com:1": unexpected status code [manifests 1]: 401 Unauthorized ':
      'aws/containers-roadmap #1302',
    'CannotPullContainerError: inspect image has been retried 1 time(s): failed to resolve ref "rrr-docker-nonprod-virtual.us.artifactory.r1.rrr.com/rrr-backend-service/aws2o:20220128.2": failed to authorize: failed to fetch anonymous token.':
      'aws/containers-roadmap #1658',
    "CannotPullContainerError: Error response from daemon: pull access denied for ecs-task-kite, repository does not exist or may require 'docker login'":
      'awslabs/ecs-task-kite #8',
  }),
  ...stops('image', /repository’s policy/, {
    'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 111122223333.dkr.ecr.us-west-2.amazonaws.com/bedrock-proxy-api-ecs:latest@sha256:5de487da52320ad9978f3a7a4f6700910342956c7dcb3b6f955222b4cccbd600: unexpected status from HEAD request to https://111122223333.dkr.ecr.us-west-2.amazonaws.com/v2/bedrock-proxy-api-ecs/blobs/sha256:5de487da52320ad9978f3a7a4f6700910342956c7dcb3b6f955222b4cccbd600: 403 Forbidden':
      'aws-samples/bedrock-access-gateway #114',
    'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 111122223333.dkr.ecr.us-east-1.amazonaws.com/a2-ecr-app-repo:latest: pulling from host 111122223333.dkr.ecr.us-east-1.amazonaws.com failed with status code [manifests latest]: 403 Forbidden':
      'aws/aws-cdk #29876',
    'CannotPullECRContainerError: AccessDeniedException: User: arn:aws:sts::...:assumed-role/OvertureTilesCdkStack-OvertureTilesContainer... is not authorized to perform: ecr:GetAuthorizationToken on r':
      'OvertureMaps/overture-tiles #20',
  }),
  ...stops('image', /name or tag/, {
    'CannotPullContainerError: API error (404): repository serverless-batch not found: does not exist or no pull access':
      'RafalWilinski/deploy-with-serverless #11',
    'CannotPullContainerError: Tag latest not found in repository docker.io/library/owncloud':
      'aws/amazon-ecs-agent #422',
  }),
  ...stops('image', /name, tag, architecture/, {
    'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref': PULL_DOCS,
  }),
  // -- Secrets, and the credentials for ECR
  ...stops('image', /ecr\.api/, {
    'ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. RequestError: send request failed caused by: Post "https://api.ecr.us-east-1.amazonaws.com/": dial tcp 172.40.1.94:443: i/o timeout':
      'aws/copilot-cli #5927',
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): RequestError: send request failed caused by: Post https://api.ecr....':
      'aws-samples/aws-fargate-pipeline-lambda-autoscaling #3',
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed caused by: Post "https://api.ecr.us-west-2.amazonaws.com/": dial tcp 34.223.27.76:443: i/o timeout. Please check your task network configuration.':
      'aws-samples/generative-ai-sagemaker-cdk-demo #4',
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s)':
      'globaldothealth/list #2662',
  }),
  ...stops('image', /ecr:GetAuthorizationToken/, {
    'on resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): operation error ECR: GetAuthorizationToken, https response error StatusCode: 400, RequestID: 24460c33-1d7d-4ee9-99cf-c259d53e7b44, api error AccessDeniedException: User: arn:aws:sts::***:assumed-role/mcfpipe-tester-TesterExecutionRole-aWok1pIh26Gk/a5209a25e2424cafa8d2f56406f57b35 is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action':
      'public notes on a test pipeline, GitHub',
  }),
  ...stops('secret', /kms:Decrypt/, {
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:eu-central-1:account_id:secret:algo-dev-directus-secret20240626183203358800000004-EaPYTy from secrets manager: AccessDeniedException: Access to KMS is not allowed status code: 400, request id: a87a66d9-f839-4353-b8c2-9984b1465695':
      'GiamPy5/terraform-aws-directus #10',
  }),
  ...stops('secret', /secret was deleted/, {
    "ResourceNotFoundException: The task can't retrieve the secret with ARN 'arn:aws:secretsmanager:us-east-1:111122223333:secret:sercret' from AWS Secrets Manager. Check whether the secret exists in the specified Region": `aws/amazon-ecs-agent, ecs-agent/asm; ${DOCS}, resource-not-found-error`,
    "Fetching secret data from AWS Secrets Manager in region us-east-1: secret sercretARN: ResourceNotFoundException: Secrets Manager can't find the specified secret.": `${DOCS}, resource-not-found-error`,
  }),
  ...stops('secret', /secretsmanager:GetSecretValue/, {
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:ap-southeast-1:redact:secret:test-secret from secrets manager: AccessDeniedException: User: arn:aws:sts::redact:assumed-role/DifyOnAwsStack-WebServiceTaskExecutionRole4406CA16-redact is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:ap-southeast-1:redact:secret:test-secret because no identity-based policy allows the secretsmanager:GetSecretValue action status code: 400, ':
      'aws-samples/dify-self-hosted-on-aws #35',
  }),
  ...stops('secret', /no route to Secrets Manager/, {
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): failed to fetch secret arn:aws:secretsmanager:us-west-2:*:secret:DBPasswordSecret-* from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded. Please check your task network configuration.':
      'Releem/releem-agent #195',
    'ResourceInitializationError: unable to pull secrets or registry auth: \nThere is a connection issue between the task and AWS Secrets Manager. \nCheck your task network configuration.\nfailed to fetch secret arn:aws:secretsmanager:ap-south-1:111122223333:secret:airflow-db-password-SQO03A\nfrom secrets manager: operation error Secrets Manager: GetSecretValue, https response error \nStatusCode: 0, RequestID: , canceled, context deadline exceeded':
      'public log of an Airflow deployment, GitHub, 2025-10-16',
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 5 time(s): RequestCanceled: request context canceled caused by: context deadli...':
      'umotif-public/terraform-aws-ecs-fargate #50',
  }),
  ...stops('secret', /agent token’s secret could not be read/, {
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): invalid character '\\'' looking for beginning of value":
      'rileydakota/valheim-ecs-fargate-cdk #9',
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): failed to fetch secret arn:aws:secretsmanager:eu-west-2:111122223333...':
      'GovWifi/govwifi-terraform #450',
  }),
  ...stops('network', /neither .*agent token nor .*ECR/, {
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to get registry auth from asm: service call has been retried 5 time(s): asm fetching secret from the service for ...':
      'aws-samples/keycloak-on-aws #222',
    'ResourceInitializationError: unable to pull secrets or registry auth': 'nikovirtala/cdk-github-actions-runner #3',
    'ResourceInitializationError: unable to pull secrets or registry auth: pull command failed: : signal: killed':
      'reddit.com/r/aws, 2020-08',
  }),
  // -- The log
  ...stops('throttled', /CreateLogStream/, {
    'CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log stream: ThrottlingException: Rate exceeded status code: 400, request id: ':
      'moby/moby #42088',
    'failed to create task for container: failed to initialize logging driver: failed to create Cloudwatch log stream: operation error CloudWatch Logs: CreateLogStream, exceeded maximum number of attempts, 3, https response error StatusCode: 400, RequestID: f9a0216c-0e95-437c-bd18-cd231f0ed054, api error ThrottlingException: Rate exceeded':
      'docker/for-linux #1508',
  }),
  ...stops('log', /not allowed to create log streams/, {
    'ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: AccessDeniedException: User: arn:aws:sts::zzzzzzzzzzzz:assumed-role/ecs.task.minecraft-server/123456a999ee4b919...':
      'doctorray117/minecraft-ondemand #12',
  }),
  ...stops('log', /no route to CloudWatch Logs/, {
    'ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration. : signal: killed':
      'public notes on logs of Fargate tasks, GitHub; the same in a dozen others',
    'ResourceInitializationError: failed to validate logger args: : signal: killed':
      'gist.github.com/bradleybeddoes/7b568d87',
  }),
  ...stops('log', /log group was deleted/, {
    'CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. status code: 400':
      'Rayraegah/terraform-aws-hasura #25',
  }),
  ...stops('log', /log stream could not be created/, {
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: MissingEndpoint: 'Endpoint' configuration is required for t":
      'TechToSpeech/terraform-aws-serverless-static-wordpress #74',
  }),
  // -- The network interface
  ...stops('addresses', /larger or additional subnets/, {
    "Unexpected EC2 error while attempting to Create Network Interface in subnet '': InsufficientFreeAddressesInSubnet":
      'a public fixture of ECS task errors, GitHub; paradisec-archive/nabu #1259 reports 151 of them',
    "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-id'": `${DOCS}, failed-to-start-error, which explains it by too few addresses`,
  }),
  ...stops('network', /tag policy/, {
    'Unexpected EC2 error while attempting to tag the network interface: TagPolicyViolation':
      'public report of an incident, GitHub, 2026-04-20',
    'Unexpected EC2 error while attempting to tag the network interface: InvalidParameterValue': 'aws/aws-sdk-js #2425',
  }),
  ...stops('network', /usually temporary/, {
    'Timeout waiting for network interface provisioning to complete.':
      'aws-solutions/distributed-load-testing-on-aws #82',
    'Rate limit exceeded while preparing network interface to be attached to instance':
      'a public retry rule of AWS Batch on Fargate, GitHub',
  }),
  ...stops('network', /service control policies/, {
    'Unexpected EC2 error while attempting to attach network interface to instance':
      'public retry rules of Step Functions, GitHub',
    'ResourceInitializationError: failed to configure ENI: failed to setup regular eni: netplugin failed with no error message':
      'public retry rules of Step Functions, GitHub',
  }),
  // -- Fargate
  ...stops('platform', /AWS Health/, {
    'Timeout waiting for EphemeralStorage provisioning to complete': 'dagster-io/dagster, ecs/launcher.py',
    'ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m: <reason>': `${DOCS}, stopped-task-error-codes`,
    'CannotInspectContainerError: <reason>': `${DOCS}, stopped-task-error-codes`,
  }),
  ...stops('capacity', /other zones/, {
    'Capacity is unavailable at this time. Please try again later or in a different availability zone':
      'sil-org/ecs-deploy #277',
    'TaskFailedToStart: RESOURCE:*': REASONS,
  }),
  // -- The container
  ...stops('memory', /memoryMiB/, {
    'OutOfMemoryError: Container killed due to memory usage': `${DOCS}, out-of-memory`,
  }),
  ...stops('container', /user tfc-agent/, {
    'linux spec user: unable to find user root: no matching entries in passwd file': 'ansible/ansible-container #400',
    'CannotStartContainerError: ResourceInitializationError: unable to create new container: mount callback failed on /tmp/containerd-mount916692511: open /tmp/containerd-mount916692511/etc/passwd: no such file or directory':
      'aws-samples/net-modernization #13',
  }),
  ...stops('container', /architecture/, {
    'exec /usr/local/bin/streamlit: exec format error': 'aws-samples/amazon-bedrock-serverless-prompt-chaining #213',
    'standard_init_linux.go:219: exec user process caused: exec format error': 'contribsys/faktory #369',
  }),
  ...stops('container', /cannot run \/bin\/sh or the entrypoint/, {
    'CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim: OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "-url": executable file not found in':
      'jenkinsci/amazon-ecs-plugin #258',
    'CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: OCI runtime create failed: container_linux.go:370: starting container process caused: exec: "/opt/sonarqube/bin/run.sh": stat /opt/sonarqube/bin/run.sh...no such file or direct...':
      'aws/amazon-ecs-agent #2954',
  }),
  ...stops('container', /could not start the container/, {
    'Cannotstartcontainererror: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error creating device nodes: mknod /run/containerd/io.containerd.runtime.v2.task/fargate.task/962011037cd2435a9aa5f40392d82936-2949673445/rootfs/dev/null: errno 524: unknown)"':
      'aws/amazon-ecs-agent #3526',
  }),
  // -- Causes that this stack can't have. They must be reported as unknown.
  ...stops('unknown', /ECS documentation/, {
    'ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: mounting fs-0124b682.efs.us-east-1.amazonaws.com:/var/jenkins_home failed, reason given by server: No such file or directory':
      'cn-terraform/terraform-aws-jenkins #1; there is no EFS here',
    'Task failed to start': 'aws/containers-roadmap #2561',
  }),
];

export const REFUSAL_MESSAGES = [
  // -- Permissions. Each has "on resource:", which is not the failure reason "RESOURCE:".
  ...refusals('access', /function’s role/, {
    'AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/[role]/[function] is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/ecsTaskExecutionRole because no identity-based policy allows the iam:PassRole action':
      'aws/serverless-application-model #2247',
    'AccessDeniedException: User: arn:aws:iam::111122223333:user/parking-airflow-user is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/dataplatform-stg-ecs-parking because no identity-based policy allows the iam:PassRole action':
      'LBHackney-IT/Data-Platform #1992',
    'AccessDeniedException: User: arn:aws:iam::111122223333:user/child-fam-services-airflow-user is not authorized to perform: ecs:RunTask on resource: arn:aws:ecs:eu-west-2:111122223333:task-definition/a_test_task:9 because no identity-based policy allows the ecs:RunTask action':
      'LBHackney-IT/Data-Platform #1818',
    'AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/batch-poc-schedule-a1297ba/batch-poc-schedule-325ae24 is not authorized to perform: ecs:RunTask on resource: arn:aws:ecs:us-east-1:111122223333:task-definition/batch-poc-aece9bcd:1':
      'pulumi/pulumi #6725',
  }),
  ...refusals('access', /policy of the organization .*Deploying again doesn’t help/, {
    'AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_111122223333-cscdigitalassistan_6e3a3c6c123a8e57/xnxn040\nis not authorized to perform: sqs:receivemessage on resource:\narn:aws:sqs:us-east-2:111122223333:genesys-transcription-latency-test\nwith an explicit deny in a service control policy:\narn:aws:organizations::111122223333:policy/o-y3vn941x7j/service_control_policy/p-kfhxcsd9':
      'public report of an organization’s denial, GitHub; of another service, in IAM’s common form',
    'AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/... is not authorized to perform: ssm:GetParameter on resource: arn:aws:ssm:us-east-1::parameter/cdk-bootstrap/hnb659fds/version because no service control policy allows the ssm:GetParameter action':
      'public report of a deployment under an SCP, GitHub; of another service, in IAM’s common form',
    'AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/admin/username-session is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-west-2:111122223333:secret:ADAdminSecret with an explicit deny in a resource control policy':
      'public notes on resource control policies, GitHub; of another service, in IAM’s common form',
  }),
  ...refusals('access', /permissions boundary .*Deploying again doesn’t help/, {
    'AccessDeniedException: User: arn:aws:sts::<acct>:assumed-role/cdk-<q>-deploy-role-.../aws-cdk-node is not authorized to perform: iam:PassRole on resource: arn:aws:iam::<acct>:role/cdk-<q>-cfn-exec-role-... because no permissions boundary allows the iam:PassRole action':
      'public notes on permissions boundaries and the CDK, GitHub',
    'AccessDenied: ... with an explicit deny in a permissions boundary':
      'public notes on permissions boundaries, GitHub',
  }),
  ...refusals('access', /endpoint policy .*Deploying again doesn’t help/, {
    'AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/PLM-ECS-PLMECSTaskExecutionAndTaskRole-1I2VC5SGVU8Y1/8ff4fbc265ee40bba57f8f709c43fef3 is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no VPC endpoint policy allows the ecr:GetAuthorizationToken action':
      'public notes on endpoint policies, GitHub, 2023-03-13; of another service, in IAM’s common form',
  }),
  // -- Roles and the account
  ...refusals('service-linked-role', /aws iam create-service-linked-role --aws-service-name ecs\.amazonaws\.com/, {
    'InvalidParameterException: Unable to assume the service linked role. Please verify that the ECS service linked role exists.':
      'awslabs/fargatecli #35; jonrau1/ElectricEye #9',
  }),
  ...refusals('service-linked-role', /create-service-linked-role/, {
    'InvalidParameterException: Invalid request provided: CreateCluster Invalid Request: Unable to assume the service linked role. Please verify that the ECS service linked role exists.':
      'aws-cloudformation/cloudformation-coverage-roadmap #818',
    'ClientException: ECS Service Linked Role does not exist. Please create a Service linked role for ECS and try again.':
      'DNXLabs/terraform-aws-ecs #25',
  }),
  ...refusals('task-role', /ecs-tasks\.amazonaws\.com/, {
    "ClientException: ECS was unable to assume the role 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.":
      'public report of a deployment on Fargate, GitHub; boto/boto3 #1878 in a service’s events',
  }),
  ...refusals('task-role', /a minute after a deployment/, {
    "ClientException: ECS was unable to assume the role 'arn:aws:iam::x:role/bloom-dbinit-container' that was provided for this task.":
      'public Terraform module that waits 30 s for it, GitHub',
  }),
  ...refusals('account', /AWS Support/, {
    'BlockedException: Your account is currently blocked.': 'public report of a blocked account, GitHub, 2026-02-14',
    'Blocked: This account is currently blocked and not recognized as a valid account. Please contact aws-verification@amazon.com if you have questions.':
      'coiled/feedback #225',
    'Your AWS account is currently blocked and thus cannot launch any Fargate pods':
      'clowdhaus/eks-reference-architecture #12',
  }),
  // -- Throttling
  ...refusals('throttled', /tries again/, {
    'ThrottlingException: Rate exceeded': 'dask/dask-cloudprovider #309',
    'InvalidParameterException: Error retrieving security group information for [sg-05937427457b61ff5]: Request limit exceeded. (ErrorCode: RequestLimitExceeded)':
      'dask/dask-cloudprovider #56',
  }),
  // -- Addresses, quotas, capacity
  ...refusals('addresses', /larger or additional subnets/, {
    'InvalidParameterException: InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy the request.':
      'aws/amazon-vpc-cni-k8s #40, EC2’s own words',
  }),
  ...refusals('quota', /Service Quotas/, {
    "You've reached the limit on the number of vCPUs you can run concurrently":
      'public notes on limits of Fargate, GitHub',
    "You've reached the limit on the number of tasks you can run concurrently: For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.":
      'aws/copilot-cli #3064',
    "You've reached the limit on the number of spot tasks you can run concurrently.": 'aws/copilot-cli #2685',
    'The requested CPU configuration is above your limit': 'dask/dask-cloudprovider #299',
  }),
  ...refusals('capacity', /other zones/, {
    'Capacity is unavailable at this time. Please try again later or in a different availability zone':
      'gchq/sleeper #904',
    'RESOURCE:CPU': 'apache/airflow #22255',
    'RESOURCE:MEMORY': 'aws/amazon-ecs-cli #178',
    'RESOURCE:ENI': REASONS,
  }),
  // -- Changed or deleted resources
  ...refusals('misconfiguration', /Deploy the stack again/, {
    'ClusterNotFoundException: Cluster not found.': 'fabfuel/ecs-deploy',
    'ClientException: TaskDefinition not found.': 'Cloud-CV/EvalAI #2419',
    'InvalidParameterException: No Container Instances were found in your cluster.':
      'public notes on a solver on ECS, GitHub',
    'InvalidParameterException: subnets can not be empty.': 'awslabs/fargatecli #73',
    'InvalidParameterException: AccountIDs mismatch': 'public tests of a deployment tool, GitHub',
    AGENT: REASONS,
    ATTRIBUTE: REASONS,
    MISSING: REASONS,
    INACTIVE: REASONS,
  }),
  ...refusals('misconfiguration', /subnets/, {
    "InvalidParameterException: Error retrieving subnet information for [subnet-12345678, subnet-87654321]: The subnet ID 'subnet-12345678' does not exist (ErrorCode: InvalidSubnetID.NotFound)":
      'public report of a deployment, GitHub, 2026-09-11',
  }),
  ...refusals('misconfiguration', /security groups/, {
    'InvalidParameterException: Security group sg-0dd8a777c45711f1d does not appear to belong to the same VPC as the input subnets.':
      'public notes on test scripts of ECS, GitHub',
  }),
];
