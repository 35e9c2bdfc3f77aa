// A client of S3 that has an account, and gives signed URLs away to whoever has none.
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const [storage, proxy] = process.argv.slice(2);
const place = { Bucket: 'holiday', Key: 'photos/a b+c%2F(ü).jpg' };
const photo = Buffer.alloc(1_000_000, 'a photo ');

function clientOf(endpoint) {
  const credentials = { accessKeyId: 'ann', secretAccessKey: 'secret' };
  return new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 });
}

await clientOf(storage).send(new CreateBucketCommand({ Bucket: place.Bucket }));

const client = clientOf(proxy);
const put = await fetch(await getSignedUrl(client, new PutObjectCommand(place)), { method: 'PUT', body: photo });
console.log('PUT', put.status);
const get = await fetch(await getSignedUrl(client, new GetObjectCommand(place)));
const body = Buffer.from(await get.arrayBuffer());
console.log('GET', get.status, body.equals(photo) ? 'the photo' : body.toString().match(/<Code>(.*)<\/Code>/)?.[1]);
