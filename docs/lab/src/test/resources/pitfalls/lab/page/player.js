/* Asks the lab to play something, and reads what it tells meanwhile: server-sent events in the answer to a POST. */
export async function play(path, body, onMark, signal) {
  const answer = await fetch(path, {method: 'POST', body, signal});
  if (!answer.ok) throw new Error(await answer.text());
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const {value, done} = await reader.read();
    if (done) throw new Error('The lab has ended the connection. Is it still running?');
    text += value;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [name, data] = text.slice(0, end).split('\n').map(line => line.slice(line.indexOf(': ') + 2));
      text = text.slice(end + 2);
      const json = JSON.parse(data);
      if (name === 'mark') onMark(json);
      else if (name === 'end') return json;
      else throw new Error(json.reason);
    }
  }
}
