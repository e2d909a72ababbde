// The search takes "-" before a word for "pages without this word", so it would find nothing for an option such as
// --take-over. Search for the words of the option instead.
const QUERY = 2; // the type of the messages that ask the search's worker
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...more) {
  if (message && message.type === QUERY && typeof message.data === "string")
    message = {...message, data: message.data.replace(/(^|\s)-+(?=\w)/g, "$1")};
  return post.call(this, message, ...more);
};
