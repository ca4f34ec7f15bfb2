/**
 * The first labels of the hostnames of AWS APIs. The list finds a typo where no resolver can. It is never complete, because AWS adds services:
 * a name that isn't in it is worth a warning, not an error.
 *
 * From botocore 1.43.11 (2026-11): the services of data/endpoints.json, and each `endpointPrefix` of data/<service>/<version>/service-2.json.
 * https://github.com/boto/botocore
 */
export const SERVICE_NAMES: ReadonlySet<string> = new Set(
  `
a2i-runtime.sagemaker access-analyzer account acm acm-pca aco-automation admin.wickr agreement-marketplace aidevops aiops airflow
airflow-serverless amplify amplifybackend amplifyuibuilder aoss api.detective api.ecr api.ecr-public api.iotdeviceadvisor
api.iotmanagedintegrations api.iotwireless api.mediatailor api.pricing api.sagemaker api.tunneling.iot apigateway app-integrations
appconfig appconfigdata appfabric appflow application-autoscaling application-cost-profiler application-signals applicationinsights
appmesh apprunner appstream2 appsync aps arc-region-switch arc-zonal-shift artifact athena auditmanager autoscaling autoscaling-plans b2bi
backup backup-gateway backup-search batch bcm-dashboards bcm-data-exports bcm-pricing-calculator bcm-recommended-actions bedrock
bedrock-agent bedrock-agent-runtime bedrock-agentcore bedrock-agentcore-control bedrock-data-automation bedrock-data-automation-runtime
bedrock-runtime billing billingconductor braket budgets cases cassandra cassandra-streams catalog.marketplace ce chatbot chime cleanrooms
cleanrooms-ml cloud9 cloudcontrolapi clouddirectory cloudformation cloudfront cloudfront-keyvaluestore cloudhsm cloudhsmv2 cloudsearch
cloudsearchdomain cloudtrail cloudtrail-data codeartifact codebuild codecatalyst codecommit codeconnections codedeploy codeguru-profiler
codeguru-reviewer codeguru-security codepipeline codestar-connections codestar-notifications cognito-identity cognito-idp cognito-sync
comprehend comprehendmedical compute-optimizer config connect connect-campaigns contact-lens controlcatalog
controlplane.payment-cryptography controltower cost-optimization-hub cur data-ats.iot data-signer data.iot data.iotevents data.jobs.iot
data.mediastore data.qapps databrew dataexchange datapipeline dataplane.payment-cryptography datasync datazone dax deadline
deployment-marketplace devicefarm devops-guru directconnect discovery discovery-marketplace dlm dms docdb docdb-elastic drs ds ds-data
dsql dynamodb ebs ec2 ec2-instance-connect ecs edge.sagemaker eks eks-auth elasticache elasticbeanstalk elasticfilesystem
elasticloadbalancing elasticmapreduce elemental-inference email emr-containers emr-serverless entitlement.marketplace entityresolution es
events evs execute-api featurestore-runtime.sagemaker finspace finspace-api firehose fis fms forecast forecastquery frauddetector freetier
fsx gamelift gameliftstreams geo geo-maps geo-places geo-routes glacier globalaccelerator glue grafana greengrass groundstation guardduty
health health-agent healthlake iam identity-chime identitystore imagebuilder importexport ingest.timestream inspector inspector-scan
inspector2 interconnect internetmonitor invoicing iot iotevents ioteventsdata iotfleetwise iotsecuredtunneling iotsitewise iotthingsgraph
iottwinmaker iotwireless ivs ivschat ivsrealtime kafka kafkaconnect kendra kendra-ranking kinesis kinesisanalytics kinesisvideo kms
lakeformation lambda launchwizard license-manager license-manager-linux-subscriptions license-manager-user-subscriptions lightsail logs
lookoutequipment m2 machinelearning macie2 mail-manager managedblockchain managedblockchain-query marketplacecommerceanalytics
media-pipelines-chime mediaconnect mediaconvert medialive mediapackage mediapackage-vod mediapackagev2 mediastore medical-imaging
meetings-chime memory-db messaging-chime metering.marketplace metrics.sagemaker mgh mgn migrationhub-config migrationhub-orchestrator
migrationhub-strategy mobileanalytics models-v2-lex models.lex monitoring mpa mq mturk-requester neptune neptune-db neptune-graph
network-firewall networkflowmonitor networkmanager networkmonitor notifications notifications-contacts nova-act oam observabilityadmin odb
oidc omics organizations osis outposts panorama participant.connect partnercentral-account partnercentral-benefits partnercentral-channel
partnercentral-selling pca-connector-ad pca-connector-scep pcs personalize personalize-events personalize-runtime pi pinpoint pipes polly
portal.sso profile proton qbusiness query.timestream quicksight ram rbin rds rds-data redshift redshift-data redshift-serverless
refactor-spaces rekognition reporting-marketplace repostspace resiliencehub resource-explorer-2 resource-groups rolesanywhere route53
route53-recovery-cluster route53-recovery-control-config route53-recovery-readiness route53domains route53globalresolver route53profiles
route53resolver rtbfabric rum runtime-v2-lex runtime.lex runtime.sagemaker s3 s3-control s3-outposts s3files s3tables s3vectors
sagemaker-geospatial savingsplans scheduler schemas scn sdb secretsmanager security-ir securityagent securityhub securitylake
serverlessrepo servicecatalog servicecatalog-appregistry servicediscovery servicequotas shield signer signin simspaceweaver sms-voice
sms-voice.pinpoint snow-device-management snowball sns social-messaging sqs ssm ssm-contacts ssm-guiconnect ssm-incidents ssm-quicksetup
ssm-sap sso states storagegateway streams.dynamodb sts support supportapp sustainability swf synthetics tagging tax textract thinclient
timestream-influxdb tnb transcribe transcribestreaming transfer translate trustedadvisor uxc verifiedpermissions voice-chime voiceid
vpc-lattice waf waf-regional wafv2 wellarchitected wisdom workdocs workmail workmailmessageflow workspaces workspaces-instances
workspaces-web xray
`
    .trim()
    .split(/\s+/),
);
