namespace CharRnn.Gpu.Devices;

/// <summary>What plans depend on.</summary>
/// <param name="Kind">What kind of device it is.</param>
/// <param name="Teams">Teams that run at once.</param>
/// <param name="GroupSize">Threads in a team.</param>
public readonly record struct DeviceTraits(DeviceKind Kind, int Teams, int GroupSize);
