package main

// scenarios are the commands that run one scenario, and the cases of a matrix.
type scenarios struct {
	Echo       echoCommand       `cmd:"" help:"Send messages on every connection and have them answered."`
	Broadcast  broadcastCommand  `cmd:"" help:"Have the server pass events on to one room of all connections."`
	Rooms      roomsCommand      `cmd:"" help:"Have everyone send to a room of their own all the time."`
	Fanin      fanInCommand      `cmd:"" help:"Have many senders send to one collector, or a few."`
	Churn      churnCommand      `cmd:"" help:"Join and leave rooms over and over while events are passed on to them."`
	Connect    connectCommand    `cmd:"" help:"Connect and disconnect over and over, or connect and hold."`
	Upgrade    upgradeCommand    `cmd:"" help:"Move from polling to WebSocket while messages are under way."`
	Storm      stormCommand      `cmd:"" help:"Have all connect at once, or cut them off and have them come back."`
	Recovery   recoveryCommand   `cmd:"" help:"Cut connections off and have them come back to where they were."`
	Slow       slowCommand       `cmd:"" help:"Have some of a room's members stop reading, or read slowly."`
	Namespaces namespacesCommand `cmd:"" help:"Have every connection be in many namespaces, and echo in each."`
	Big        bigCommand        `cmd:"" help:"Echo payloads of several sizes up to very large ones."`
	Idle       idleCommand       `cmd:"" help:"Hold connections that do nothing: memory, and the cost of heartbeats."`
}
