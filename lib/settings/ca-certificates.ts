import * as z from 'zod';
import { keyExplanation, SECRET, SECRET_DOC, setting } from './fields.ts';

export const caCertificates = z.strictObject({
  file: setting(z.string().min(1).max(1024).optional(), {
    description:
      'File with the certificates. The functions get it with their code. An image that the deployment builds gets it, too, so agents and Terraform trust these certificates.',
    allowed:
      'a PEM file with certificates and without private keys, up to 64 KiB; the path is relative to cdk.json; not with `caCertificates.secret`',
    absent: 'no file',
    remedy: 'set the path of the file, such as certificates/ca.pem',
  }),
  secret: setting(SECRET.optional(), {
    description:
      'Secret with the certificates. The functions read it at a cold start. Agents do not read it: put the certificates into your image.',
    allowed: `${SECRET_DOC.allowed}; its value is certificates in PEM; not with \`caCertificates.file\``,
    explain: keyExplanation,
    absent: 'no secret',
    remedy:
      'create the secret (aws secretsmanager create-secret --name NAME --secret-string file://ca.pem) and set its name here',
  }),
});
