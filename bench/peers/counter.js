// The end of the flow: counts what reaches it and says how much that was. A node of ours, since a
// function node would cost as much again as the threshold that is measured.
module.exports = (RED) => {
  let taken = 0;
  RED.httpNode.get("/taken", (_request, response) => response.send(String(taken)));
  RED.nodes.registerType("bench-counter", function Counter(config) {
    RED.nodes.createNode(this, config);
    this.on("input", (_message, _send, done) => {
      taken += 1;
      done();
    });
  });
};
